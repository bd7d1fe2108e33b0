"""Tests of the studio page as a user sees it."""
