"""`backdrop batch`: a folder of photos to every place of publication, at a server or on this machine."""
