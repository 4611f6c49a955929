"""Hot reload: noticing that files changed, loading them again, and using them only if they are right."""
