"""Engines, migrations, tables, the database's clock, and commits whose answer was lost."""
