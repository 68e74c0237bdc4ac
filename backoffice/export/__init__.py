"""Everything that the platform holds about one person, as they may have it. Source: docs/rules/access.md §14."""
