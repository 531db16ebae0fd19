"""accounts linked by consent"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_app",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("cloud", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("testing", sa.Boolean(), nullable=False),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("turned_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_app")),
    )
    op.create_table(
        "oauth_grant",
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("refresh", sa.LargeBinary(), nullable=False),
        sa.Column("access", sa.LargeBinary(), nullable=False),
        sa.Column("access_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_oauth_grant_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_oauth_grant")),
    )
    op.create_table(
        "channel",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("calendar_id", sa.BigInteger(), nullable=True),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('opening', 'open', 'closing')", name=op.f("ck_channel_state")),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["calendar.id"], name=op.f("fk_channel_calendar_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_channel_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("uid", name=op.f("uq_channel_uid")),
    )
    op.create_index(op.f("ix_channel_calendar_id"), "channel", ["calendar_id"], unique=False)
    op.create_index(op.f("ix_channel_connection_id"), "channel", ["connection_id"], unique=False)
    op.create_index(op.f("ix_channel_due_at"), "channel", ["due_at"], unique=False)
    op.create_index(op.f("ix_channel_remote_id"), "channel", ["remote_id"], unique=False)
    op.create_table(
        "consent_attempt",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_hash", sa.LargeBinary(), nullable=False),
        sa.Column("bookable_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("connection_uid", sa.Uuid(), nullable=True),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["bookable_id"], ["bookable.id"], name=op.f("fk_consent_attempt_bookable_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_hash"], ["session.token_hash"], name=op.f("fk_consent_attempt_session_hash"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_consent_attempt")),
    )
    op.create_index(op.f("ix_consent_attempt_expires_at"), "consent_attempt", ["expires_at"], unique=False)
    op.add_column("calendar", sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connection", sa.Column("subject", sa.String(), server_default="", nullable=False))
    op.add_column("connection", sa.Column("mode", sa.String(), server_default="full", nullable=False))


def downgrade() -> None:
    op.drop_column("connection", "mode")
    op.drop_column("connection", "subject")
    op.drop_column("calendar", "pushed_at")
    op.drop_index(op.f("ix_consent_attempt_expires_at"), table_name="consent_attempt")
    op.drop_table("consent_attempt")
    op.drop_index(op.f("ix_channel_remote_id"), table_name="channel")
    op.drop_index(op.f("ix_channel_due_at"), table_name="channel")
    op.drop_index(op.f("ix_channel_connection_id"), table_name="channel")
    op.drop_index(op.f("ix_channel_calendar_id"), table_name="channel")
    op.drop_table("channel")
    op.drop_table("oauth_grant")
    op.drop_table("provider_app")
