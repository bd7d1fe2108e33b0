"""Light on a scene: tracing, exposure, reflections, tone mapping."""
