"""What operators rely on, tried on real processes under load: alerts, rolling restarts, upgrades side by side."""
