/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The program as the guest's init. Its arguments are the words after `--` on the kernel's command
 * line:
 *
 *   hello                  one line, then power off: what boot times are measured by
 *   idle SECONDS           sleeps that long
 *   suite, disk, net, programs ...    as on the command line
 *   exec RUNS PROGRAM      runs some other program
 *
 * Modules that stand in /modules.list of the initramfs, a path a line, are loaded first (all but
 * for hello and idle, which have no use for them).
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void
load_modules (void)
{
  FILE *list = fopen ("/modules.list", "r");
  char  path[256];

  if (list == NULL)
    return;
  while (fgets (path, sizeof (path), list) != NULL)
    {
      int fd;

      path[strcspn (path, "\n")] = '\0';
      fd = open (path, O_RDONLY | O_CLOEXEC);
      if (fd < 0 || syscall (SYS_finit_module, fd, "", 0) != 0)
        printf ("# module %s cannot be loaded: %m\n", path);
      close (fd);
    }
  fclose (list);
}

/* Runs the program argv[1], argv[0] times. */
static int
run_other (int argc, char **argv)
{
  int status = EXIT_FAILURE;

  for (int run = 0; argc > 1 && run < atoi (argv[0]); run++)
    {
      pid_t child = fork ();

      if (child == 0)
        {
          execl (argv[1], argv[1], NULL);
          _exit (127);
        }
      waitpid (child, &status, 0);
    }
  return status;
}

int
guest_init (int argc, char **argv)
{
  int          status = 0;

  /* The first sign of life comes before anything else is done. */
  printf ("INIT-UP\n");
  fflush (stdout);
  if (argc < 2 || strcmp (argv[1], "hello") == 0)
    {
      /* The driver looks at the process's memory in the meantime. */
      usleep (300000);
      reboot (RB_POWER_OFF);
    }
  mkdir ("/proc", 0755);
  mkdir ("/sys", 0755);
  mkdir ("/dev", 0755);
  mkdir ("/tmp", 01777);
  mount ("proc", "/proc", "proc", 0, NULL);
  mount ("sysfs", "/sys", "sysfs", 0, NULL);
  mount ("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  if (strcmp (argv[1], "idle") == 0)
    {
      sleep (argc > 2 ? atoi (argv[2]) : 10);
      printf ("IDLE-END\n");
      fflush (stdout);
      reboot (RB_POWER_OFF);
    }
  load_modules ();
  if (strcmp (argv[1], "suite") == 0)
    {
      int runs = argc > 3 && strcmp (argv[2], "--runs") == 0 ? atoi (argv[3]) : 0;
      int skip = runs > 0 ? 4 : 2;

      status = bench_suite (runs > 0 ? runs : 1, argc - skip, argv + skip);
    }
  else if (strcmp (argv[1], "disk") == 0)
    status = bench_disk (argc - 2, argv + 2);
  else if (strcmp (argv[1], "net") == 0)
    status = bench_net (argc - 2, argv + 2);
  else if (strcmp (argv[1], "programs") == 0)
    status = bench_programs (argc - 2, argv + 2);
  else if (strcmp (argv[1], "exec") == 0)
    status = run_other (argc - 2, argv + 2);
  printf ("BENCH-END %d\n", status);
  fflush (stdout);
  sync ();
  reboot (RB_POWER_OFF);
  return status;
}
