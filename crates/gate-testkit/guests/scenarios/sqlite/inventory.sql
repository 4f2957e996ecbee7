PRAGMA journal_mode = DELETE;
CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE part (
  id INTEGER PRIMARY KEY,
  maker INTEGER NOT NULL REFERENCES maker,
  code TEXT NOT NULL,
  price REAL NOT NULL CHECK (price >= 0),
  stock INTEGER NOT NULL
);
INSERT INTO maker (name) VALUES ('Acme'), ('Bolt & Sons'), ('Cogs'), ('Dynamo'), ('Übermut');

BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO part (maker, code, price, stock)
SELECT 1 + (i * 7919) % 5, printf('P-%05d', (i * 104729) % 20011), ((i * 31337) % 10000) / 100.0, (i * 17) % 251 FROM n;
COMMIT;
SELECT 'parts', count(*), sum(stock), round(sum(price), 2) FROM part;

CREATE INDEX part_by_code ON part (code);
CREATE INDEX part_by_maker_price ON part (maker, price DESC);
ANALYZE;
EXPLAIN QUERY PLAN SELECT * FROM part WHERE code = 'P-00042';
SELECT id, code, price, stock FROM part WHERE code = 'P-00042';

SELECT m.name, count(*), round(avg(p.price), 4), max(p.price), total(p.stock)
  FROM maker m JOIN part p ON p.maker = m.id GROUP BY m.id HAVING count(*) > 10 ORDER BY m.name;
SELECT name, code, price, place FROM (
  SELECT m.name, p.code, p.price, row_number() OVER (PARTITION BY m.id ORDER BY p.price DESC, p.code) AS place
  FROM maker m JOIN part p ON p.maker = m.id) WHERE place <= 2 ORDER BY name, place;

BEGIN;
UPDATE part SET stock = stock - 1 WHERE stock > 200;
SELECT 'changed', changes();
DELETE FROM part WHERE id % 2 = 0;
SELECT 'before the rollback', count(*) FROM part;
ROLLBACK;
SELECT 'after the rollback', count(*) FROM part;

SAVEPOINT outer_one;
DELETE FROM part WHERE stock = 0;
SAVEPOINT inner_one;
DELETE FROM part;
ROLLBACK TO inner_one;
RELEASE outer_one;
SELECT 'after the savepoints', count(*) FROM part;

CREATE VIRTUAL TABLE note USING fts5(body);
INSERT INTO note VALUES ('the quick brown fox'), ('jumps over the lazy dog'), ('quick thinking, quick acting');
SELECT rowid, highlight(note, 0, '[', ']') FROM note WHERE note MATCH 'quick' ORDER BY rank;

CREATE TRIGGER spent AFTER UPDATE OF stock ON part WHEN new.stock = 0
BEGIN INSERT INTO note VALUES ('order ' || new.code); END;
UPDATE part SET stock = 0 WHERE id BETWEEN 10 AND 12;
SELECT body FROM note WHERE body LIKE 'order%' ORDER BY body;

SELECT json_group_array(json_object('name', name, 'letters', length(name))) FROM maker;
SELECT upper('straße'), hex(zeroblob(4)), 7 / 2, 7 / 2.0, 9223372036854775807 + 1, typeof(NULL), date('2024-02-28', '+2 days');
WITH RECURSIVE fib(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM fib WHERE b < 1000)
SELECT group_concat(a, ' ') FROM fib;
VACUUM;
PRAGMA integrity_check;
PRAGMA foreign_key_check;
PRAGMA page_count;
