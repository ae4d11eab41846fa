-- Barred from video by a moderator, beside muted and deafened.
ALTER TABLE members ADD COLUMN video_barred INTEGER NOT NULL DEFAULT 0;
