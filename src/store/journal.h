/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A write-ahead journal: a change is durable with one fdatasync of a file whose blocks are there
 * already, however many files it touches, and changes of several threads share that one. The files
 * themselves are synced later, many at a time.
 *
 *   0      +-----------------------------+
 *          | head of half 0              |  magic, epoch, checksum
 *   4096   | record, record, ...         |  of that epoch, numbered from 0
 *   N      +-----------------------------+
 *          | head of half 1              |  while the files of one half are being synced, changes
 *          | record, record, ...         |  go to the other
 *   2 N    +-----------------------------+
 *
 * A record counts if its checksum, its epoch (that of its half's head) and its number are right;
 * what follows the first that is not was never said to be done. The half with the smaller epoch is
 * the older one. A half is emptied by giving its head a new epoch.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct CopJournal CopJournal;

typedef struct
{
  /* Makes files say what @records (of GBytes, oldest first) say, those that do not yet, and syncs
     them. No change is under way meanwhile. */
  bool (*replay) (GPtrArray *records, gpointer data, GError **error);

  /* Syncs the files of @names (a set), whose changes have been made. On a thread of its own. */
  bool (*sync) (GHashTable *names, gpointer data, GError **error);
} CopJournalFuncs;

/**
 * cop_journal_open:
 * @path: nothing is made there before the first change
 *
 * Replays what is there. A journal that has nothing to say, or cannot be emptied as its folder
 * cannot be written to, is no error; that its records cannot be brought into the files is.
 */
CopJournal *cop_journal_open (const char *path, const CopJournalFuncs *funcs, gpointer data,
                              GError **error);

/* Syncs the files, so that the journal is empty. */
void cop_journal_close (CopJournal *journal);

/* Whether a record of @length bytes may be put in. A change that is too long for the journal is
   made durable by itself, after cop_journal_settle(). */
bool cop_journal_takes (gsize length);

/**
 * cop_journal_begin:
 * @name: what is changed: handed to sync()
 * @record: what is to be done, so that doing it again does no harm
 * @half: (out): for cop_journal_end()
 *
 * The change is durable when this returns; then the caller makes it, and calls cop_journal_end().
 * May be called on any thread; two changes of one name must not be under way at a time. On failure
 * the change is not to be made.
 */
bool cop_journal_begin (CopJournal *journal, const char *name, const char *record, gsize length,
                        unsigned *half, GError **error);

/* @made: false: the change could not be made. It is made up for by replay(). */
void cop_journal_end (CopJournal *journal, unsigned half, bool made);

/* Syncs all files that were changed. Returns: false: what was changed is in the journal only */
bool cop_journal_settle (CopJournal *journal, GError **error);
