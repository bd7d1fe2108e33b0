"""Checks of an installation: doctor, the GPU check, and audits of rows and objects."""
