"""The rules, by what they are about; `lakehouse.domain.decide` is the table that asks them. All pure."""
