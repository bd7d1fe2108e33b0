"""A background for a spec: painted, corrected towards the asked colours, the best of several kept."""
