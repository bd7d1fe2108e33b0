"""Pure image processing: arrays in, arrays out; no network, no disk, no clock, no environment."""
