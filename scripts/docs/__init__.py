"""The docs site: reference pages from the sources, all pages in one folder, and the strict build."""
