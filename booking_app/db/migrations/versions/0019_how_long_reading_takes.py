"""how long reading a calendar takes, and whose server it is: by these its turn is decided"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("calendar", "outbox"):
        op.add_column(table, sa.Column("takes", sa.REAL(), nullable=False, server_default="0"))
    op.add_column("connection", sa.Column("host", sa.String(), nullable=False, server_default=""))
    op.execute(
        "UPDATE connection SET host = lower(substring(address FROM '^[a-zA-Z]+://([^/]+)')) "
        "WHERE provider = 'caldav' AND address ~ '^[a-zA-Z]+://[^/]+'"
    )


def downgrade() -> None:
    op.drop_column("connection", "host")
    for table in ("outbox", "calendar"):
        op.drop_column(table, "takes")
