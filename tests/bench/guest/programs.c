/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench programs ROOT RUNS [NAME...]: times real programs. ROOT is a tree of unpacked packages with
 * /bench/NAME.sh in it, or a block device that holds one; each script does a fixed amount of work
 * and is timed whole, run by the tree's own shell inside a chroot.
 *
 * A script says what it made by the checksum it prints; the driver compares the native and the
 * guest's one. Lines are `program_NAME SECONDS s` and `# program_NAME output: TEXT`.
 */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SCRIPTS 64

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* Names of the scripts in /bench of @root, sorted. */
static int
find_scripts (const char *root, char **names)
{
  char           path[512];
  DIR           *folder;
  struct dirent *entry;
  int            n = 0;

  snprintf (path, sizeof (path), "%s/bench", root);
  folder = opendir (path);
  if (folder == NULL)
    return 0;
  while ((entry = readdir (folder)) != NULL && n < MAX_SCRIPTS)
    {
      char *dot = strstr (entry->d_name, ".sh");

      if (dot != NULL && dot[3] == '\0')
        names[n++] = strndup (entry->d_name, dot - entry->d_name);
    }
  closedir (folder);
  qsort (names, n, sizeof (names[0]), compare_names);
  return n;
}

/* Runs one script; seconds, or negative. Its first output line goes to @line. */
static double
run_script (const char *root, const char *name, char *line, size_t size)
{
  int    out[2], status = 1;
  double start;
  size_t length = 0;
  pid_t  child;

  if (pipe (out) != 0)
    return -1;
  start = bench_now ();
  child = fork ();
  if (child == 0)
    {
      char script[128];

      dup2 (out[1], STDOUT_FILENO);
      close (out[0]);
      close (out[1]);
      snprintf (script, sizeof (script), "/bench/%s.sh", name);
      if (chroot (root) == 0 && chdir ("/tmp") == 0)
        execle ("/bin/sh", "sh", script, NULL,
                (char *[]) { "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/tmp", NULL });
      _exit (127);
    }
  close (out[1]);
  while (length < size - 1)
    {
      ssize_t n = read (out[0], line + length, size - 1 - length);

      if (n <= 0)
        break;
      length += n;
    }
  line[length] = '\0';
  line[strcspn (line, "\n")] = '\0';
  waitpid (child, &status, 0);
  close (out[0]);
  return status == 0 ? bench_now () - start : -1;
}

int
bench_programs (int argc, char **argv)
{
  const char *root = argc > 0 ? argv[0] : "/dev/vda";
  int         runs = argc > 1 ? atoi (argv[1]) : 1;
  char       *names[MAX_SCRIPTS];
  struct stat info;
  int         n, failures = 0;

  if (stat (root, &info) == 0 && S_ISBLK (info.st_mode))
    {
      mkdir ("/root", 0755);
      if (mount (root, "/root", "ext4", MS_NOATIME, NULL) != 0)
        {
          printf ("# %s cannot be mounted: %m\n", root);
          return EXIT_FAILURE;
        }
      root = "/root";
      mount ("/dev", "/root/dev", NULL, MS_BIND, NULL);
      mount ("proc", "/root/proc", "proc", 0, NULL);
      mount ("tmpfs", "/root/tmp", "tmpfs", 0, NULL);
    }
  n = find_scripts (root, names);
  bench_pin (-1);
  for (int i = 0; i < n; i++)
    {
      bool wanted = argc <= 2;

      for (int k = 2; k < argc; k++)
        wanted |= strcmp (argv[k], names[i]) == 0;
      /* The first run also pages the program in; it is reported, and the median drops it. */
      for (int run = 0; wanted && run < runs; run++)
        {
          char   name[128], line[256];
          double seconds = run_script (root, names[i], line, sizeof (line));

          snprintf (name, sizeof (name), "program_%s", names[i]);
          if (seconds < 0)
            {
              printf ("# %s: FAILED: %s\n", name, line);
              failures++;
              break;
            }
          if (run == 0)
            printf ("# %s output: %s\n", name, line);
          bench_print (name, seconds, "s");
        }
      free (names[i]);
    }
  return n > 0 && failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
