"""Pure image processing: arrays in, arrays out, with no access to network, disk, clock or environment."""
