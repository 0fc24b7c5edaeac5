# SPDX-License-Identifier: LGPL-2.1-or-later
# A database in memory: inserts, an index, joins, aggregates.
exec sqlite3 :memory: <<'END'
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, price REAL, name TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
INSERT INTO item SELECT i, i * 7919 % 97, i % 1000 / 4.0, 'item ' || (i * 31 % 5003) FROM n;
CREATE INDEX by_name ON item (name);
CREATE TABLE kind (id INTEGER PRIMARY KEY, label TEXT);
INSERT INTO kind SELECT DISTINCT kind, 'kind ' || kind FROM item;
UPDATE item SET price = price * 1.25 WHERE name LIKE '%7%';
SELECT count(*), sum(total), max(label) FROM (
  SELECT kind.label AS label, round(sum(item.price)) AS total FROM item JOIN kind ON item.kind = kind.id
  WHERE item.name IN (SELECT name FROM item WHERE id % 3 = 0) GROUP BY kind.label);
END
