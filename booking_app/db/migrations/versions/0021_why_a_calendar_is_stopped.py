"""why a calendar is stopped, so that the right way out is offered"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calendar", sa.Column("stopped_by", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("calendar", "stopped_by")
