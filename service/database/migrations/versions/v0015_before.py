"""The schema of the release before, from which this one upgrades. No file makes it: a new database gets the newest."""

revision = "0015"
down_revision = None
branch_labels = None
depends_on = None
