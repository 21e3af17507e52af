"""SQLAlchemy's plugin for pytest, with our dialect registered."""

import pytest
from sqlalchemy.dialects import registry

registry.register("lakehouse.suite", "suite_dialect", "SuiteDialect")
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403
