"""Every answer and parameter, described once, as typed structs."""
