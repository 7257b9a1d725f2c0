"""One module a format. Every module here is imported on first use; each enters its reader in the registry."""
