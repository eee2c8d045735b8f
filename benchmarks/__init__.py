"""Ratios of speed against peers, measured side by side in one run on the same inputs."""
