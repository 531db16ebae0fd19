"""A simulation of Google's OAuth and Calendar API (v3) over real HTTP, as strict as the real service or stricter."""
