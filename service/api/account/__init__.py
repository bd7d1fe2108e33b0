"""The routes of what a client has beside jobs: brands, keys, its webhook."""
