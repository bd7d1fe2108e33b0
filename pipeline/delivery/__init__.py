"""The picture to a file that its place of publication takes, and the report on that file."""
