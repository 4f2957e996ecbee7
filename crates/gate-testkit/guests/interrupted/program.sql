-- A transaction that is stopped anywhere, also while it waits for input or for time, with files open and half written.
PRAGMA cache_size = 20;
PRAGMA temp_store = MEMORY;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, weight REAL);
CREATE INDEX item_name ON item(name);
CREATE VIRTUAL TABLE text USING fts5(body);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
  INSERT INTO item SELECT i, hex(i * 7919 % 3001), i / 7.0 FROM n;
SELECT 'first', read_line();
UPDATE item SET name = name || '-' || (id % 13) WHERE id % 3 = 0;
SELECT 'slept', sleep_millis(50);
INSERT INTO text SELECT name || ' ' || printf('%.3f', weight) FROM item WHERE id % 5 = 0;
SELECT 'second', read_line();
SAVEPOINT inner;
DELETE FROM item WHERE id % 2 = 0;
SELECT count(*), sum(weight) FROM item;
SELECT 'third', read_line();
ROLLBACK TO inner;
SELECT count(*), max(name) FROM item;
COMMIT;
SELECT 'fourth', read_line();
SELECT name, count(*) FROM item GROUP BY substr(name, 1, 3) ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*) FROM text WHERE text MATCH '33*';
SELECT a.id, b.id FROM item a JOIN item b ON a.name = b.name || '-1' ORDER BY 1 LIMIT 5;
PRAGMA integrity_check;
