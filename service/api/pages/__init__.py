"""The pages that people see: the studio and the API reference, with the files that they load."""
