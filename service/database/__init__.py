"""Engines, migrations, tables, the database's clock, and commits without an answer."""
