"""The pages that people see: the studio and the API reference, with what they load."""
