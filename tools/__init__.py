"""Programs of the build; nothing here ships in the wheel."""
