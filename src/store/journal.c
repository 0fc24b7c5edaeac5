/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The write-ahead journal: see journal.h.
 */
#include "store/journal.h"

#include "common/fd.h"
#include "store/durable.h"
#include "store/error.h"
#include "store/step.h"

#include <glib/gi18n-lib.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define HALF_SIZE (512u << 10)
#define HEAD_SIZE 4096u
#define RECORD_MAX (HALF_SIZE / 4)
#define HEAD_MAGIC 0x316c6e6a706f63ull /* "copjnl1" */
#define RECORD_MAGIC 0x64726f63u /* "cord" */
/* Files are synced when no change has come for this long, or a half is so full. */
#define REST_US (G_USEC_PER_SEC)
#define FULL_ENOUGH (HALF_SIZE / 2)
#define RETRY_US (5 * G_USEC_PER_SEC)

/* Both are little-endian on disk; a checksum covers what stands before it, and a record's data. */
typedef struct
{
  guint64 magic, epoch, checksum;
} Head;

typedef struct
{
  guint32 magic, length;
  guint64 epoch, number, checksum;
} RecordHead;

typedef struct
{
  guint64 epoch; /* of its head on disk */
  guint64 count; /* records in it */
  gsize end; /* where the next one goes; from the half's start */
  gsize written; /* up to here it is durable */
  GByteArray *batch; /* (owned): records that are not on disk: what is from written to end */
  unsigned under_way; /* changes between begin and end */
  GHashTable *names; /* (owned): changed */
} Half;

struct CopJournal
{
  char *path;
  const CopJournalFuncs *funcs;
  gpointer data;

  GMutex lock; /* guards all below */
  GCond changed;
  int fd; /* -1: no file yet */
  Half halves[2];
  unsigned active;
  guint64 last_epoch;
  bool writing; /* somebody writes a batch */
  bool settling; /* somebody syncs the files of the half that is not active */
  bool failed; /* disk and files do not agree with what was said: repair before anything else */
  bool closing;
  gint64 last_change; /* monotonic */
  gint64 retry_at; /* monotonic: not before */
  GThread *thread; /* (nullable): syncs in the background */
};

static bool
fail (CopJournal *journal, GError **error)
{
  return cop_store_fail (error, errno, _ ("cannot write"), journal->path);
}

static bool
write_at (int fd, const void *data, gsize length, off_t offset)
{
  const guint8 *at = data;

  while (length > 0)
    {
      ssize_t n = pwrite (fd, at, length, offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return false;
      at += n;
      offset += n;
      length -= n;
    }
  return true;
}

static gsize
padded (gsize length)
{
  return (length + 7) & ~(gsize) 7;
}

bool
cop_journal_takes (gsize length)
{
  return length <= RECORD_MAX;
}

/* Reading ------------------------------------------------------------------------------------ */

/* Returns: (nullable): the data of record @number at @offset of @half */
static GBytes *
read_record (const guint8 *half, gsize *offset, gsize limit, guint64 epoch, guint64 number)
{
  RecordHead head;
  gsize length;
  XXH64_hash_t sum;
  GBytes *bytes;

  if (*offset + sizeof head > limit)
    return NULL;
  memcpy (&head, half + *offset, sizeof head);
  length = GUINT32_FROM_LE (head.length);
  if (GUINT32_FROM_LE (head.magic) != RECORD_MAGIC || GUINT64_FROM_LE (head.epoch) != epoch ||
      GUINT64_FROM_LE (head.number) != number || length > limit - *offset - sizeof head)
    return NULL;
  sum = XXH3_64bits_withSeed (half + *offset + sizeof head, length, epoch ^ (number << 32));
  if (GUINT64_FROM_LE (head.checksum) != sum)
    return NULL;
  bytes = g_bytes_new (half + *offset + sizeof head, length);
  *offset += padded (sizeof head + length);
  return bytes;
}

static guint64
head_checksum (guint64 epoch)
{
  const guint64 value = GUINT64_TO_LE (epoch);

  return XXH3_64bits (&value, sizeof value);
}

/* Reads half @index; adds its records to @records. Of a half that this process has written to, only
   what it was told to be durable: the callers of the rest were told that they failed. */
static void
read_half (CopJournal *journal, unsigned index, const guint8 *data, GPtrArray *records)
{
  Half *half = &journal->halves[index];
  gsize limit = half->written != 0 ? half->written : HALF_SIZE;
  GBytes *record;
  Head head;

  memcpy (&head, data, sizeof head);
  half->epoch = 0;
  half->count = 0;
  half->end = half->written = HEAD_SIZE;
  g_hash_table_remove_all (half->names);
  g_byte_array_set_size (half->batch, 0);
  if (GUINT64_FROM_LE (head.magic) != HEAD_MAGIC ||
      GUINT64_FROM_LE (head.checksum) != head_checksum (GUINT64_FROM_LE (head.epoch)))
    {
      g_warning ("%s: one half of it is damaged; definitions are taken as their files are",
                 journal->path);
      return;
    }
  half->epoch = GUINT64_FROM_LE (head.epoch);
  journal->last_epoch = MAX (journal->last_epoch, half->epoch);
  while ((record = read_record (data, &half->end, limit, half->epoch, half->count)) != NULL)
    {
      g_ptr_array_add (records, record);
      half->count++;
    }
  half->written = half->end;
}

/* Returns: (transfer full): all records, oldest first; NULL on failure */
static GPtrArray *
read_records (CopJournal *journal, GError **error)
{
  GPtrArray *records = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autofree guint8 *data = g_malloc0 (2 * HALF_SIZE);
  guint64 epochs[2];
  Head head;
  unsigned first;

  for (gsize have = 0; have < 2 * HALF_SIZE;)
    {
      ssize_t n = pread (journal->fd, data + have, 2 * HALF_SIZE - have, have);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          cop_store_fail (error, errno, _ ("cannot read"), journal->path);
          g_ptr_array_unref (records);
          return NULL;
        }
      if (n == 0)
        break;
      have += n;
    }
  for (unsigned i = 0; i < 2; i++)
    {
      memcpy (&head, data + i * HALF_SIZE, sizeof head);
      epochs[i] = GUINT64_FROM_LE (head.epoch);
    }
  first = epochs[0] <= epochs[1] ? 0 : 1;
  read_half (journal, first, data + first * HALF_SIZE, records);
  read_half (journal, !first, data + !first * HALF_SIZE, records);
  return records;
}

/* Writing ------------------------------------------------------------------------------------ */

static void
fill_head (Head *head, guint64 epoch)
{
  *head = (Head){ GUINT64_TO_LE (HEAD_MAGIC), GUINT64_TO_LE (epoch),
                  GUINT64_TO_LE (head_checksum (epoch)) };
}

static void
mark_empty (Half *half, guint64 epoch)
{
  half->epoch = epoch;
  half->count = 0;
  half->end = half->written = HEAD_SIZE;
  g_hash_table_remove_all (half->names);
  g_byte_array_set_size (half->batch, 0);
}

/* Gives half @index, which nobody else uses, a new head. */
static bool
write_head (CopJournal *journal, unsigned index, guint64 epoch, GError **error)
{
  Head head;

  fill_head (&head, epoch);
  if (!write_at (journal->fd, &head, sizeof head, (off_t) index * HALF_SIZE) ||
      fdatasync (journal->fd) < 0)
    return fail (journal, error);
  cop_store_step (COP_STORE_STEP_JOURNAL_EMPTIED);
  return true;
}

/* Makes the file, with all its blocks, so that no later sync has to write more than data. */
static bool
make_file (CopJournal *journal, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (journal->path);
  g_autofree char *name = g_path_get_basename (journal->path);
  g_autofree guint8 *blank = g_malloc0 (2 * HALF_SIZE);
  Head head;

  for (unsigned i = 0; i < 2; i++)
    {
      fill_head (&head, i + 1);
      memcpy (blank + i * HALF_SIZE, &head, sizeof head);
      mark_empty (&journal->halves[i], i + 1);
    }
  if (!cop_durable_write (folder, name, (const char *) blank, 2 * HALF_SIZE, true, error))
    return false;
  journal->last_epoch = 2;
  journal->active = 0;
  journal->fd = open (journal->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  return journal->fd >= 0 || fail (journal, error);
}

/* Brings disk and files to agree; nobody else does anything. With the lock held. */
static bool
repair (CopJournal *journal, GError **error)
{
  g_autoptr (GPtrArray) records = read_records (journal, error);

  if (records == NULL ||
      (records->len > 0 && !journal->funcs->replay (records, journal->data, error)))
    return false;
  for (unsigned i = 0; i < 2; i++)
    if (journal->halves[i].count > 0 || journal->halves[i].epoch == 0)
      {
        if (!write_head (journal, i, ++journal->last_epoch, error))
          return false;
        mark_empty (&journal->halves[i], journal->last_epoch);
      }
  journal->active = journal->halves[0].epoch < journal->halves[1].epoch ? 0 : 1;
  journal->failed = false;
  return true;
}

/* With the lock held: waits until nobody writes, settles or makes a change. */
static void
wait_quiet (CopJournal *journal)
{
  while (journal->writing || journal->settling || journal->halves[0].under_way > 0 ||
         journal->halves[1].under_way > 0)
    g_cond_wait (&journal->changed, &journal->lock);
}

/* With the lock held: repairs if that is needed. Of several threads one does it. */
static bool
ensure_sound (CopJournal *journal, GError **error)
{
  while (journal->failed)
    {
      wait_quiet (journal);
      if (journal->failed && !repair (journal, error))
        return false;
    }
  return journal->fd >= 0 || make_file (journal, error);
}

/* Syncing the files -------------------------------------------------------------------------- */

/* With the lock held, which is given up meanwhile. Syncs what the active half names and empties it;
   changes go to the other half from the start of this. */
static bool
settle (CopJournal *journal, GError **error)
{
  g_autoptr (GError) failure = NULL;
  unsigned index;
  Half *half;
  guint64 epoch;
  bool ok;

  while (journal->settling || journal->writing)
    g_cond_wait (&journal->changed, &journal->lock);
  if (journal->failed)
    return ensure_sound (journal, error);
  index = journal->active;
  half = &journal->halves[index];
  if (journal->fd < 0 || half->count == 0)
    return true;

  journal->settling = true;
  journal->active = !index;
  while (half->under_way > 0)
    g_cond_wait (&journal->changed, &journal->lock);
  ok = !journal->failed;
  epoch = ++journal->last_epoch;
  g_mutex_unlock (&journal->lock);
  ok = ok && journal->funcs->sync (half->names, journal->data, &failure) &&
       write_head (journal, index, epoch, &failure);
  g_mutex_lock (&journal->lock);
  if (ok)
    mark_empty (half, epoch);
  else
    journal->failed = true;
  journal->settling = false;
  g_cond_broadcast (&journal->changed);
  if (failure == NULL)
    return ok || ensure_sound (journal, error);
  g_propagate_error (error, g_steal_pointer (&failure));
  return false;
}

bool
cop_journal_settle (CopJournal *journal, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&journal->lock);

  return settle (journal, error);
}

static gpointer
settle_at_rest (gpointer data)
{
  CopJournal *journal = data;

  g_mutex_lock (&journal->lock);
  while (!journal->closing)
    {
      Half *half = &journal->halves[journal->active];
      gint64 due = journal->last_change + REST_US, now = g_get_monotonic_time ();
      g_autoptr (GError) error = NULL;

      if (half->end >= FULL_ENOUGH)
        due = now;
      due = MAX (due, journal->retry_at);
      if (half->count == 0 && !journal->failed)
        g_cond_wait (&journal->changed, &journal->lock);
      else if (due > now)
        g_cond_wait_until (&journal->changed, &journal->lock, due);
      else if (!settle (journal, &error))
        {
          g_warning ("changes are in %s only, for now: %s", journal->path, error->message);
          journal->retry_at = g_get_monotonic_time () + RETRY_US;
        }
    }
  g_mutex_unlock (&journal->lock);
  return NULL;
}

/* Changes ------------------------------------------------------------------------------------ */

/* With the lock held. */
static void
add_record (Half *half, const char *record, gsize length)
{
  static const guint8 padding[8] = { 0 };
  RecordHead head = { GUINT32_TO_LE (RECORD_MAGIC), GUINT32_TO_LE ((guint32) length),
                      GUINT64_TO_LE (half->epoch), GUINT64_TO_LE (half->count), 0 };
  gsize size = padded (sizeof head + length);

  head.checksum =
    GUINT64_TO_LE (XXH3_64bits_withSeed (record, length, half->epoch ^ (half->count << 32)));
  g_byte_array_append (half->batch, (const guint8 *) &head, sizeof head);
  g_byte_array_append (half->batch, (const guint8 *) record, length);
  g_byte_array_append (half->batch, padding, size - sizeof head - length);
  half->count++;
  half->end += size;
}

/* With the lock held, which is given up meanwhile: writes all records that wait. */
static void
write_batch (CopJournal *journal, Half *half, off_t base)
{
  GByteArray *batch = g_steal_pointer (&half->batch);
  off_t at = base + (off_t) half->written;
  gsize end = half->end;
  bool ok;

  half->batch = g_byte_array_new ();
  journal->writing = true;
  g_mutex_unlock (&journal->lock);
  ok = write_at (journal->fd, batch->data, batch->len, at);
  cop_store_step (COP_STORE_STEP_JOURNAL_WRITTEN);
  ok = ok && fdatasync (journal->fd) == 0;
  cop_store_step (COP_STORE_STEP_JOURNAL_SYNCED);
  g_byte_array_unref (batch);
  g_mutex_lock (&journal->lock);
  journal->writing = false;
  /* What is on disk of it, nobody knows: all that have put something in are told that it failed. */
  if (ok)
    half->written = end;
  else
    journal->failed = true;
  g_cond_broadcast (&journal->changed);
}

bool
cop_journal_begin (CopJournal *journal, const char *name, const char *record, gsize length,
                   unsigned *half_index, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&journal->lock);
  unsigned index;
  guint64 epoch;
  Half *half;
  gsize end;

  while (true)
    {
      if (!ensure_sound (journal, error))
        return false;
      index = journal->active;
      half = &journal->halves[index];
      if (half->end + padded (sizeof (RecordHead) + length) <= HALF_SIZE)
        break;
      if (journal->settling)
        g_cond_wait (&journal->changed, &journal->lock);
      else if (!settle (journal, error))
        return false;
    }
  journal->last_change = g_get_monotonic_time ();
  if (journal->thread == NULL)
    journal->thread = g_thread_new ("journal", settle_at_rest, journal);
  add_record (half, record, length);
  g_hash_table_add (half->names, g_strdup (name));
  half->under_way++;
  epoch = half->epoch;
  end = half->end;
  while (!journal->failed && half->written < end)
    if (journal->writing)
      g_cond_wait (&journal->changed, &journal->lock);
    else
      write_batch (journal, half, (off_t) index * HALF_SIZE);
  if (half->epoch == epoch && half->written >= end)
    {
      *half_index = index;
      return true;
    }
  half->under_way--;
  g_cond_broadcast (&journal->changed);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_IO, _ ("cannot write %s: the disk failed"),
               journal->path);
  return false;
}

void
cop_journal_end (CopJournal *journal, unsigned half, bool made)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&journal->lock);

  journal->halves[half].under_way--;
  journal->failed |= !made;
  journal->last_change = g_get_monotonic_time ();
  g_cond_broadcast (&journal->changed);
}

/* Life --------------------------------------------------------------------------------------- */

static void
journal_free (CopJournal *journal)
{
  cop_fd_clear (&journal->fd);
  for (unsigned i = 0; i < 2; i++)
    {
      g_hash_table_unref (journal->halves[i].names);
      g_byte_array_unref (journal->halves[i].batch);
    }
  g_cond_clear (&journal->changed);
  g_mutex_clear (&journal->lock);
  g_free (journal->path);
  g_free (journal);
}

/* Replays what is there. Where nothing can be written the file is let go of: as its records are in
   the files now, the first change may put a new one in its place. */
static bool
open_file (CopJournal *journal, GError **error)
{
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GError) stays = NULL;

  journal->fd = open (journal->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (journal->fd >= 0)
    {
      if (repair (journal, &stays))
        return true;
      journal->failed = true;
    }
  else if (errno == ENOENT)
    return true;
  else
    journal->fd = open (journal->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (journal->fd < 0)
    return cop_store_fail (error, errno, _ ("cannot read"), journal->path);

  records = read_records (journal, error);
  if (records == NULL ||
      (records->len > 0 && !journal->funcs->replay (records, journal->data, error)))
    return false;
  if (journal->failed)
    g_message ("nothing can be changed for now: %s", stays->message);
  else
    cop_fd_clear (&journal->fd);
  return true;
}

CopJournal *
cop_journal_open (const char *path, const CopJournalFuncs *funcs, gpointer data, GError **error)
{
  CopJournal *journal = g_new0 (CopJournal, 1);

  journal->path = g_strdup (path);
  journal->funcs = funcs;
  journal->data = data;
  journal->fd = -1;
  g_mutex_init (&journal->lock);
  g_cond_init (&journal->changed);
  for (unsigned i = 0; i < 2; i++)
    {
      journal->halves[i].names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      journal->halves[i].batch = g_byte_array_new ();
    }
  if (open_file (journal, error))
    return journal;
  journal_free (journal);
  return NULL;
}

void
cop_journal_close (CopJournal *journal)
{
  g_autoptr (GError) error = NULL;
  GThread *thread;

  g_mutex_lock (&journal->lock);
  if (!settle (journal, &error))
    g_message ("changes are in %s only, until the next start: %s", journal->path, error->message);
  journal->closing = true;
  thread = journal->thread;
  g_cond_broadcast (&journal->changed);
  g_mutex_unlock (&journal->lock);
  if (thread != NULL)
    g_thread_join (thread);
  journal_free (journal);
}
