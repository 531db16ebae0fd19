"""what of calendars could not be read, and its owner's word on it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unread_object",
        sa.Column("calendar_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("problems", JSONB(), nullable=False),
        sa.Column("blocks", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["calendar.id"], name="fk_unread_object_calendar_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("calendar_id", "key", name="pk_unread_object"),
        sa.UniqueConstraint("uid", name="uq_unread_object_uid"),
    )

    # Objects are read anew only when they change: what was read by the old rules is read once more by the new ones.
    op.execute("UPDATE calendar SET window_end = window_end - interval '41 days'")


def downgrade() -> None:
    op.drop_table("unread_object")
    op.execute("UPDATE busy_block SET kind = 'uncertain' WHERE kind = 'ignored'")
