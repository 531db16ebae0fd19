"""In which browsers somebody signed in before, and how often something happened, for all processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_device_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", "account_id", name="pk_device"),
    )
    op.create_index("ix_device_account_id", "device", ["account_id"])
    op.create_index("ix_device_expires_at", "device", ["expires_at"])
    op.create_table(
        "bucket",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("spent", sa.Float(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_bucket"),
    )
    op.create_index("ix_bucket_ends_at", "bucket", ["ends_at"])


def downgrade() -> None:
    op.drop_table("bucket")
    op.drop_table("device")
