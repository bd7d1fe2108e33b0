"""Whether an installation is well: doctor, and audits of rows and objects."""
