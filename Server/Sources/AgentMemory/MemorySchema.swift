import GRDB

/// The tables of a store, and how older ones become newer ones.
enum MemorySchema {
  /// Marks a file as a store of this library: `CgAM`.
  static let applicationID = 0x4367_414D

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: sessions, records, vectors, links") { database in
      try database.execute(sql: first)
    }
    return migrator
  }

  private static let first = """
    CREATE TABLE session (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      title TEXT,
      created_at REAL NOT NULL,
      metadata TEXT NOT NULL CHECK (json_valid(metadata))
    ) STRICT;

    CREATE TABLE focus (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      session_number INTEGER NOT NULL REFERENCES session(number) ON DELETE CASCADE,
      topic TEXT NOT NULL,
      opened_at REAL NOT NULL,
      closed_at REAL,
      tokens_before INTEGER,
      tokens_after INTEGER
    ) STRICT;
    CREATE INDEX focus_session ON focus(session_number);
    CREATE UNIQUE INDEX focus_open ON focus(session_number) WHERE closed_at IS NULL;

    CREATE TABLE record (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      kind TEXT NOT NULL CHECK (kind IN ('message', 'fact', 'summary', 'learning')),
      session_number INTEGER REFERENCES session(number) ON DELETE CASCADE,
      role TEXT,
      content TEXT NOT NULL,
      created_at REAL NOT NULL,
      token_count INTEGER NOT NULL CHECK (token_count >= 0),
      metadata TEXT NOT NULL CHECK (json_valid(metadata)),
      focus_id INTEGER REFERENCES focus(id) ON DELETE SET NULL,
      in_context INTEGER NOT NULL,
      fact_key TEXT,
      valid_from REAL,
      valid_until REAL,
      superseded_by INTEGER REFERENCES record(id) ON DELETE SET NULL
    ) STRICT;
    CREATE INDEX record_session ON record(session_number, kind, in_context, id, token_count);
    CREATE INDEX record_time ON record(created_at);
    CREATE INDEX record_focus ON record(focus_id) WHERE focus_id IS NOT NULL;
    CREATE INDEX record_fact ON record(fact_key, session_number) WHERE kind = 'fact';
    CREATE INDEX record_superseded ON record(superseded_by) WHERE superseded_by IS NOT NULL;

    CREATE TABLE link (
      from_id INTEGER NOT NULL REFERENCES record(id) ON DELETE CASCADE,
      to_id INTEGER NOT NULL REFERENCES record(id) ON DELETE CASCADE,
      relation TEXT NOT NULL,
      PRIMARY KEY (from_id, to_id, relation)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX link_to ON link(to_id);

    CREATE TABLE encoder (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      dimension INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE vector (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      record_id INTEGER NOT NULL REFERENCES record(id) ON DELETE CASCADE,
      encoder_number INTEGER NOT NULL REFERENCES encoder(number) ON DELETE CASCADE,
      scale REAL NOT NULL,
      numbers BLOB NOT NULL,
      UNIQUE (record_id, encoder_number)
    ) STRICT;
    CREATE INDEX vector_encoder ON vector(encoder_number);

    CREATE VIRTUAL TABLE record_text USING fts5(
      content, content = 'record', content_rowid = 'id', tokenize = "unicode61 remove_diacritics 2");
    CREATE TRIGGER record_added AFTER INSERT ON record BEGIN
      INSERT INTO record_text(rowid, content) VALUES (new.id, new.content);
    END;
    CREATE TRIGGER record_deleted AFTER DELETE ON record BEGIN
      INSERT INTO record_text(record_text, rowid, content) VALUES ('delete', old.id, old.content);
    END;
    CREATE TRIGGER record_changed AFTER UPDATE OF content ON record BEGIN
      INSERT INTO record_text(record_text, rowid, content) VALUES ('delete', old.id, old.content);
      INSERT INTO record_text(rowid, content) VALUES (new.id, new.content);
    END;
    """
}
