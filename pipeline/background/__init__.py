"""Make a background for a spec: paint it, correct it towards the asked colours, and keep the best of several."""
