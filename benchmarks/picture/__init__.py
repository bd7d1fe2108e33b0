"""How good the picture is: cut-out, halo, fidelity, palette, presets."""
