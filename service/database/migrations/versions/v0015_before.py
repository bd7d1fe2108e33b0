"""The schema of the previous release, from which this release upgrades. A new database gets the newest schema."""

revision = "0015"
down_revision = None
branch_labels = None
depends_on = None
