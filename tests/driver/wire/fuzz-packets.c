/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Feeds a server with bytes, as a client that has gone mad would.
 *
 *   fuzz-packets FOLDER [RUNS [SEED]]    each file of FOLDER, then RUNS changed ones
 *   fuzz-packets                         as a test: the corpus and a fixed number of runs
 *
 * With clang, -Dc_args=-DCOP_LIBFUZZER and -fsanitize=fuzzer make of it a target of libFuzzer.
 */
#include "server-fixture.h"

#include "common/fd.h"

#include <string.h>
#include <sys/socket.h>

#define TEST_RUNS 1000
#define INPUT_MAX 65536

/* Handlers that wait have their gate open, so that every input comes to its end. */
static Fixture *
shared_fixture (void)
{
  static Fixture *f;

  if (f == NULL)
    {
      f = fixture_new ();
      fixture_open_gate (f);
    }
  return f;
}

static void
feed (const uint8_t *data, size_t size)
{
  Fixture *f = shared_fixture ();
  unsigned closed;
  cop_autofd int fd = fixture_connect (f, COP_SERVER_SOCKET_OPENED);
  char block[4096];

  g_mutex_lock (&f->lock);
  closed = f->closed;
  g_mutex_unlock (&f->lock);
  fixture_write (fd, data, size);
  shutdown (fd, SHUT_WR);
  /* The server answers what it can, sees the end, and closes. */
  while (recv (fd, block, sizeof block, 0) > 0)
    ;
  fixture_wait_closed (f, closed + 1);
}

#ifdef COP_LIBFUZZER
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  feed (data, size);
  return 0;
}
#else

/* Numbers that are worth trying wherever a number may stand. */
static const uint32_t edges[] = {
  0,          1,     2,     4,       6,       27,       28,         29,         0x20008086,
  0x6b656570, 16384, 16385, 4194304, 4194305, 33554436, 0x7fffffff, 0x80000000, 0xffffffff
};

static void
mutate (GByteArray *bytes, GRand *rand)
{
  for (int i = g_rand_int_range (rand, 1, 6); i > 0 && bytes->len >= 8; i--)
    {
      guint at = (guint) g_rand_int_range (rand, 0, (gint32) bytes->len - 4);
      uint32_t edge = GUINT32_TO_BE (edges[g_rand_int_range (rand, 0, G_N_ELEMENTS (edges))]);

      switch (g_rand_int_range (rand, 0, 6))
        {
        case 0:
          bytes->data[at] = (uint8_t) g_rand_int (rand);
          break;
        case 1:
        case 2:
          memcpy (bytes->data + (at & ~3u), &edge, 4);
          break;
        case 3:
          g_byte_array_remove_range (bytes, at, (guint) g_rand_int_range (rand, 1, 5));
          break;
        case 4:
          g_byte_array_set_size (bytes, at);
          break;
        default:
          /* A part of it once more. */
          if (bytes->len < INPUT_MAX / 2)
            {
              g_autofree uint8_t *part = g_memdup2 (bytes->data + at, bytes->len - at);

              g_byte_array_append (bytes, part, bytes->len - at);
            }
          break;
        }
    }
}

static GPtrArray *
read_corpus (const char *folder)
{
  GPtrArray *files = g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      char *data;
      gsize length;

      if (g_file_get_contents (path, &data, &length, NULL))
        g_ptr_array_add (files, g_byte_array_new_take ((guint8 *) data, length));
    }
  return files;
}

static void
run (const char *folder, unsigned runs, uint32_t seed)
{
  g_autoptr (GPtrArray) files = read_corpus (folder);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  g_assert_cmpuint (files->len, >, 0);
  for (guint i = 0; i < files->len; i++)
    {
      GByteArray *bytes = g_ptr_array_index (files, i);

      feed (bytes->data, bytes->len);
    }
  for (unsigned i = 0; i < runs; i++)
    {
      GByteArray *from = g_ptr_array_index (files, g_rand_int_range (rand, 0, (gint32) files->len));
      g_autoptr (GByteArray) bytes = g_byte_array_new ();

      g_byte_array_append (bytes, from->data, from->len);
      mutate (bytes, rand);
      feed (bytes->data, bytes->len);
    }
}

static void
test_corpus (void)
{
  g_autofree char *folder = g_test_build_filename (G_TEST_DIST, "driver/wire/corpus", NULL);
  Fixture *f = shared_fixture ();

  g_test_summary ("nothing that a client sends ends, stops or confuses the server");
  run (folder, TEST_RUNS, (uint32_t) g_test_rand_int ());
  {
    g_autoptr (CopClient) client = fixture_client (f, COP_SERVER_SOCKET_OPENED);

    fixture_check_alive (client, 1);
  }
  fixture_free (f);
}

int
main (int argc, char **argv)
{
  if (argc > 1 && argv[1][0] != '-')
    {
      run (argv[1], argc > 2 ? (unsigned) g_ascii_strtoull (argv[2], NULL, 10) : 0,
           argc > 3 ? (uint32_t) g_ascii_strtoull (argv[3], NULL, 10) : 0);
      fixture_free (shared_fixture ());
      return 0;
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/fuzz/packets", test_corpus);
  return g_test_run ();
}
#endif
