"""The recipes that come with Fireline, one TOML file each (`fireline.model.recipe`)."""
