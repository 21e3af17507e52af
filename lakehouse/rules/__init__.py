"""The rules, by what they are about; `lakehouse.decide` is the table that asks them. All pure."""
