"""The machine-readable marks of pictures: certificates, signing, and the check of any file."""
