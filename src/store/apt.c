/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * apt in a root of its own.
 *
 *   FOLDER/apt.conf           read after the system's configuration, so that it has the last word
 *          sources.list.d/    one source: the mirror and suite asked for
 *          status             one package, which stands for all that is not to be fetched
 *          lists/ archives/   with apt's partial/ folders, from which a download goes on
 *          log                what apt said
 *
 * Source: apt.conf(5), sources.list(5), deb-src-control(5), apt's README.progress-reporting
 */
#include "store/apt.h"

#include "common/fd.h"

#include <fcntl.h>
#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* In apt's output this stands between the columns that cop_apt_mirrors() asks for. */
#define TARGET_FORMAT "$(CREATED_BY)\t$(ORIGIN)\t$(LABEL)\t$(COMPONENT)\t$(REPO_URI)"

/* How long an apt-get before ours is waited for. */
#define LOCK_TRIES 200
#define LOCK_PAUSE_US 50000

void
cop_package_free (CopPackage *package)
{
  g_free (package->name);
  g_free (package->version);
  g_free (package->architecture);
  g_free (package->depends);
  g_free (package);
}

/* ---- running apt's programs ---- */

/* apt must not go on when the program that wants its result is gone. */
static void
die_with_parent (gpointer data G_GNUC_UNUSED)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static GSubprocessLauncher *
launcher_new (GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  /* Nobody is asked anything. */
  g_subprocess_launcher_setenv (launcher, "DEBIAN_FRONTEND", "noninteractive", TRUE);
  return launcher;
}

static GSubprocess *
spawn (GSubprocessLauncher *launcher, const char *const *words, GError **error)
{
  g_autoptr (GError) reason = NULL;
  GSubprocess *process = g_subprocess_launcher_spawnv (launcher, words, &reason);

  if (process == NULL)
    g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_TOOL,
                 "%s cannot be run: %s; images are made with Debian's own tools, so install the "
                 "packages apt and dpkg",
                 words[0], reason->message);
  return process;
}

/* Runs apt-cache or apt-get for its output. */
static char *
capture (const char *const *words, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher =
    launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GSubprocess) process = spawn (launcher, words, error);
  g_autofree char *output = NULL;
  g_autofree char *complaint = NULL;

  if (process == NULL ||
      !g_subprocess_communicate_utf8 (process, NULL, NULL, &output, &complaint, error))
    return NULL;
  if (!g_subprocess_get_successful (process))
    {
      g_strdelimit (g_strstrip (complaint), "\n", ' ');
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE, "%s %s failed: %s", words[0],
                   words[1], complaint);
      return NULL;
    }
  return g_steal_pointer (&output);
}

/* What apt's log says went wrong: its lines that begin with "E: ". */
static char *
read_complaints (const char *log_path)
{
  g_autofree char *log = NULL;
  g_auto (GStrv) lines = NULL;
  GString *complaints = g_string_new (NULL);

  if (!g_file_get_contents (log_path, &log, NULL, NULL))
    return g_string_free (complaints, FALSE);
  lines = g_strsplit (log, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "E: "))
      g_string_append_printf (complaints, "%s%s", complaints->len > 0 ? "; " : "", *line + 3);
  return g_string_free (complaints, FALSE);
}

/* Hands on the percentages of "dlstatus:1:74.0821:Retrieving file 1 of 1" until apt closes @fd. */
static void
follow_status (int fd, CopAptProgress progress, gpointer data)
{
  FILE *status = fdopen (fd, "r");
  g_autofree char *line = NULL;
  size_t size = 0;

  if (status == NULL)
    {
      close (fd);
      return;
    }
  while (getline (&line, &size, status) >= 0)
    {
      g_auto (GStrv) fields = g_strsplit (line, ":", 4);

      if (progress != NULL && g_strv_length (fields) == 4 && strcmp (fields[0], "dlstatus") == 0)
        progress (CLAMP (g_ascii_strtod (fields[2], NULL) / 100, 0, 1), data);
    }
  fclose (status);
}

/* An apt-get whose program was killed takes a moment to end; until then it has its locks, which the
   next one does not wait for. */
static void
wait_for_lock (const CopApt *apt, const char *name)
{
  g_autofree char *path = g_build_filename (apt->folder, name, NULL);
  cop_autofd int fd = open (path, O_RDWR | O_CLOEXEC);
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  for (unsigned i = 0; fd >= 0 && i < LOCK_TRIES; i++)
    {
      if (fcntl (fd, F_SETLK, &lock) == 0 || (errno != EACCES && errno != EAGAIN))
        break;
      g_usleep (LOCK_PAUSE_US);
    }
}

/* Runs apt-get in the private root with @words, which end with NULL. */
static bool
run_apt_get (const CopApt *apt, const char *const *words, CopAptProgress progress, gpointer data,
             GError **error)
{
  g_autofree char *config = g_strdup_printf ("-c=%s/apt.conf", apt->folder);
  g_autofree char *log_path = g_build_filename (apt->folder, "log", NULL);
  g_autoptr (GPtrArray) command = g_ptr_array_new ();
  g_autoptr (GSubprocessLauncher) launcher = launcher_new (G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *complaints = NULL;
  int pipe_fds[2];

  g_ptr_array_add (command, (gpointer) "apt-get");
  g_ptr_array_add (command, config);
  g_ptr_array_add (command, (gpointer) "-oAPT::Status-Fd=3");
  for (; *words != NULL; words++)
    g_ptr_array_add (command, (gpointer) *words);
  g_ptr_array_add (command, NULL);

  wait_for_lock (apt, "lists/lock");
  wait_for_lock (apt, "archives/lock");
  if (!g_unix_open_pipe (pipe_fds, FD_CLOEXEC, error))
    return false;
  g_subprocess_launcher_take_fd (launcher, pipe_fds[1], 3);
  g_subprocess_launcher_set_stdout_file_path (launcher, log_path);
  process = spawn (launcher, (const char *const *) command->pdata, error);
  /* Closes our end of the pipe's writing side: only apt has it now. */
  g_clear_object (&launcher);
  if (process == NULL)
    {
      close (pipe_fds[0]);
      return false;
    }
  follow_status (pipe_fds[0], progress, data);
  if (!g_subprocess_wait (process, NULL, error))
    return false;
  if (g_subprocess_get_successful (process))
    return true;
  complaints = read_complaints (log_path);
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE, "apt could not fetch from %s: %s",
               apt->mirror, *complaints != '\0' ? complaints : "it gave no reason");
  return false;
}

/* ---- mirrors ---- */

enum
{
  TARGET_CREATED_BY,
  TARGET_ORIGIN,
  TARGET_LABEL,
  TARGET_COMPONENT,
  TARGET_REPO_URI,
  TARGET_LAST,
};

/* Whether apt knows the target's origin. It does not before it has fetched the source's lists, and
   then leaves the word as it stood in the format. */
static bool
target_is_known (char **fields)
{
  return strcmp (fields[TARGET_ORIGIN], "$(ORIGIN)") != 0;
}

/* How likely a source is Debian's main archive: 0 most; -1: it is not. */
static int
rank_target (char **fields)
{
  if (strcmp (fields[TARGET_CREATED_BY], "Packages") != 0 ||
      strcmp (fields[TARGET_COMPONENT], "main") != 0)
    return -1;
  if (!target_is_known (fields))
    return strstr (fields[TARGET_REPO_URI], "security") == NULL ? 1 : 2;
  return strcmp (fields[TARGET_ORIGIN], "Debian") == 0 &&
             strcmp (fields[TARGET_LABEL], "Debian") == 0
           ? 0
           : -1;
}

/* Adds the mirrors of one rank to @mirrors, and all whose origin is known to @seen. */
static void
add_mirrors (char **lines, int rank, GStrvBuilder *mirrors, GHashTable *seen)
{
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) fields = g_strsplit (*line, "\t", -1);
      const char *uri = fields[0] != NULL ? fields[g_strv_length (fields) - 1] : "";

      if (g_strv_length (fields) == TARGET_LAST && rank_target (fields) == rank &&
          g_hash_table_add (seen, g_strdup (uri)))
        g_strv_builder_add (mirrors, uri);
    }
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) fields = g_strsplit (*line, "\t", -1);

      if (g_strv_length (fields) == TARGET_LAST && target_is_known (fields))
        g_hash_table_add (seen, g_strdup (fields[TARGET_REPO_URI]));
    }
}

char **
cop_apt_mirrors_parse (const char *targets)
{
  g_auto (GStrv) lines = g_strsplit (targets, "\n", -1);
  g_autoptr (GStrvBuilder) mirrors = g_strv_builder_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (int rank = 0; rank <= 2; rank++)
    add_mirrors (lines, rank, mirrors, seen);
  return g_strv_builder_end (mirrors);
}

char **
cop_apt_mirrors (GError **error)
{
  /* With what the fetched lists say of themselves, but only the fetched ones; then all, without. */
  static const char *const known[] = { "apt-get", "indextargets", "--format", TARGET_FORMAT, NULL };
  static const char *const all[] = { "apt-get",
                                     "indextargets",
                                     "--format",
                                     TARGET_FORMAT,
                                     "-oAPT::Get::IndexTargets::ReleaseInfo=false",
                                     NULL };
  g_autofree char *known_targets = capture (known, error);
  g_autofree char *all_targets = known_targets != NULL ? capture (all, error) : NULL;
  g_autofree char *targets = NULL;

  if (all_targets == NULL)
    return NULL;
  targets = g_strconcat (known_targets, "\n", all_targets, NULL);
  return cop_apt_mirrors_parse (targets);
}

/* ---- packages ---- */

/* The value of one field, its continuation lines joined. */
static char *
find_field (const char *text, const char *field)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *value = NULL;

  for (char **line = lines; *line != NULL; line++)
    {
      size_t length = strlen (field);

      if (value != NULL && (*line)[0] == ' ')
        g_string_append (value, *line);
      else if (value != NULL || (*line)[0] == '\0')
        break;
      else if (strncmp (*line, field, length) == 0 && (*line)[length] == ':')
        value = g_string_new (g_strstrip (*line + length + 1));
    }
  return value != NULL ? g_string_free (value, FALSE) : NULL;
}

CopPackage *
cop_package_parse (const char *text)
{
  g_autoptr (CopPackage) package = g_new0 (CopPackage, 1);
  g_autofree char *pre_depends = find_field (text, "Pre-Depends");
  g_autofree char *depends = find_field (text, "Depends");
  g_autofree char *kib = find_field (text, "Installed-Size");

  package->name = find_field (text, "Package");
  package->version = find_field (text, "Version");
  package->architecture = find_field (text, "Architecture");
  package->depends =
    g_strjoin (pre_depends != NULL && depends != NULL ? ", " : "",
               pre_depends != NULL ? pre_depends : "", depends != NULL ? depends : "", NULL);
  package->installed_size =
    kib != NULL ? MIN (g_ascii_strtoull (kib, NULL, 10), UINT64_MAX / 1024) * 1024 : 0;
  if (package->name == NULL || package->version == NULL || package->architecture == NULL)
    return NULL;
  return g_steal_pointer (&package);
}

CopPackage *
cop_apt_show (const CopApt *apt, const char *name, GError **error)
{
  g_autofree char *config = g_strdup_printf ("-c=%s/apt.conf", apt->folder);
  const char *words[] = { "apt-cache", "show", "--no-all-versions", config, name, NULL };
  g_autofree char *text = capture (words, NULL);
  CopPackage *package = text != NULL ? cop_package_parse (text) : NULL;

  if (package == NULL)
    g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE,
                 "%s has no package %s of suite %s for %s", apt->mirror, name, apt->suite,
                 apt->architecture);
  return package;
}

/* The name and the version, where there is one, of the first choice of "a (>= 1) | b". */
static bool
parse_dependency (const char *group, char **name, char **version)
{
  static GRegex *regex;
  g_autoptr (GMatchInfo) match = NULL;

  if (g_once_init_enter (&regex))
    g_once_init_leave (&regex, g_regex_new ("^\\s*([a-z0-9][a-z0-9.+-]*)(?::[a-z0-9]+)?\\s*"
                                            "(?:\\((?:<<|<=|=|>=|>>)\\s*([^\\s)]+)\\s*\\))?",
                                            0, 0, NULL));
  if (!g_regex_match (regex, group, 0, &match))
    return false;
  *name = g_match_info_fetch (match, 1);
  *version = g_match_info_fetch (match, 2);
  return true;
}

char *
cop_package_find_dependency (const CopPackage *package, const char *prefix)
{
  g_auto (GStrv) groups = g_strsplit (package->depends, ",", -1);

  for (char **group = groups; *group != NULL; group++)
    {
      g_autofree char *name = NULL;
      g_autofree char *version = NULL;

      if (parse_dependency (*group, &name, &version) && g_str_has_prefix (name, prefix))
        return g_steal_pointer (&name);
    }
  return NULL;
}

char *
cop_apt_package_path (const CopApt *apt, const CopPackage *package)
{
  g_auto (GStrv) parts = g_strsplit (package->version, ":", -1);
  g_autofree char *version = g_strjoinv ("%3a", parts);
  g_autofree char *file =
    g_strdup_printf ("%s_%s_%s.deb", package->name, version, package->architecture);

  return g_build_filename (apt->folder, "archives", file, NULL);
}

/* ---- the private root ---- */

static char *
format_config (const CopApt *apt)
{
  /* The lists first: what the system hooks into an update would change the system. */
  return g_strdup_printf ("#clear APT::Update::Pre-Invoke;\n"
                          "#clear APT::Update::Post-Invoke;\n"
                          "#clear APT::Update::Post-Invoke-Success;\n"
                          "#clear APT::Install::Pre-Invoke;\n"
                          "#clear APT::Install::Post-Invoke-Success;\n"
                          "#clear APT::Architectures;\n"
                          "#clear APT::Default-Release;\n"
                          "#clear DPkg::Pre-Invoke;\n"
                          "#clear DPkg::Pre-Install-Pkgs;\n"
                          "#clear DPkg::Post-Invoke;\n"
                          "APT::Architecture \"%s\";\n"
                          "APT::Architectures { \"%s\"; };\n"
                          "APT::Install-Recommends \"false\";\n"
                          "APT::Install-Suggests \"false\";\n"
                          "APT::Update::Error-Mode \"any\";\n"
                          "APT::Get::Assume-Yes \"true\";\n"
                          "APT::Get::AllowUnauthenticated \"false\";\n"
                          "Acquire::AllowInsecureRepositories \"false\";\n"
                          "Acquire::Languages \"none\";\n"
                          "Acquire::Retries \"3\";\n"
                          "Dir::State \"%s\";\n"
                          "Dir::State::lists \"%s/lists\";\n"
                          "Dir::State::status \"%s/status\";\n"
                          "Dir::State::extended_states \"%s/extended_states\";\n"
                          "Dir::Cache \"%s\";\n"
                          "Dir::Cache::archives \"%s/archives\";\n"
                          "Dir::Cache::pkgcache \"\";\n"
                          "Dir::Cache::srcpkgcache \"\";\n"
                          "Dir::Etc::sourcelist \"/dev/null\";\n"
                          "Dir::Etc::sourceparts \"%s/sources.list.d\";\n"
                          "Dir::Etc::preferences \"/dev/null\";\n"
                          "Dir::Etc::preferencesparts \"/dev/null\";\n"
                          "Dir::Log \"%s\";\n",
                          apt->architecture, apt->architecture, apt->folder, apt->folder,
                          apt->folder, apt->folder, apt->folder, apt->folder, apt->folder,
                          apt->folder);
}

static char *
format_source (const CopApt *apt)
{
  GString *source = g_string_new (NULL);
  /* apt reads packages of file: where they are; by copy: they come to archives/ as from elsewhere.
   */
  bool local = g_str_has_prefix (apt->mirror, "file:");

  g_string_append_printf (source,
                          "Types: deb\nURIs: %s%s\nSuites: %s\nComponents: main\n"
                          "Architectures: %s\nTargets: Packages\n",
                          local ? "copy:" : "", apt->mirror + (local ? strlen ("file:") : 0),
                          apt->suite, apt->architecture);
  if (apt->keyring != NULL)
    g_string_append_printf (source, "Signed-By: %s\n", apt->keyring);
  return g_string_free (source, FALSE);
}

/* One installed package that provides all that @packages depend on, but for each other. */
static char *
format_status (const CopPackage *const *packages)
{
  g_autoptr (GPtrArray) provides = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *list = NULL;

  for (; packages != NULL && *packages != NULL; packages++)
    {
      g_auto (GStrv) groups = g_strsplit ((*packages)->depends, ",", -1);

      for (char **group = groups; *group != NULL; group++)
        {
          g_autofree char *name = NULL;
          g_autofree char *version = NULL;

          if (!parse_dependency (*group, &name, &version))
            continue;
          g_ptr_array_add (provides, version[0] != '\0'
                                       ? g_strdup_printf ("%s (= %s)", name, version)
                                       : g_steal_pointer (&name));
        }
    }
  g_ptr_array_add (provides, g_strdup ("coppice-nothing"));
  g_ptr_array_add (provides, NULL);
  list = g_strjoinv (", ", (char **) provides->pdata);
  return g_strdup_printf ("Package: coppice-stub\nStatus: install ok installed\n"
                          "Architecture: all\nVersion: 1\nMaintainer: none\n"
                          "Provides: %s\nDescription: stands for what is not fetched\n\n",
                          list);
}

static bool
put_file (const CopApt *apt, const char *name, char *text, GError **error)
{
  g_autofree char *owned = text;
  g_autofree char *path = g_build_filename (apt->folder, name, NULL);

  return g_file_set_contents (path, owned, -1, error);
}

static bool
make_folder (const CopApt *apt, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (apt->folder, name, NULL);

  if (g_mkdir_with_parents (path, 0755) == 0)
    return true;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot create %s: %s", path,
               g_strerror (errno));
  return false;
}

/* A value that goes into apt's files as it is: it must not end a line, a string or a list. */
static bool
check_word (const char *what, const char *value, GError **error)
{
  if (value == NULL ||
      (value[0] != '\0' && value[0] != '-' && strpbrk (value, " \t\r\n\";") == NULL))
    return true;
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE,
               "%s '%s' cannot be told to apt; it must not be empty, begin with '-', or have a "
               "space, quote or semicolon",
               what, value);
  return false;
}

bool
cop_apt_update (const CopApt *apt, CopAptProgress progress, gpointer data, GError **error)
{
  static const char *const words[] = { "update", NULL };

  return check_word ("folder", apt->folder, error) && check_word ("mirror", apt->mirror, error) &&
         check_word ("suite", apt->suite, error) && check_word ("keyring", apt->keyring, error) &&
         make_folder (apt, "sources.list.d", error) && make_folder (apt, "lists/partial", error) &&
         make_folder (apt, "archives/partial", error) &&
         put_file (apt, "apt.conf", format_config (apt), error) &&
         put_file (apt, "sources.list.d/coppice.sources", format_source (apt), error) &&
         put_file (apt, "status", format_status (NULL), error) &&
         run_apt_get (apt, words, progress, data, error);
}

bool
cop_apt_download (const CopApt *apt, const CopPackage *const *packages, CopAptProgress progress,
                  gpointer data, GError **error)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);

  if (!put_file (apt, "status", format_status (packages), error))
    return false;
  /* `apt-get download` would begin an interrupted file anew; installing goes on with it. */
  g_ptr_array_add (words, g_strdup ("install"));
  g_ptr_array_add (words, g_strdup ("--download-only"));
  for (; *packages != NULL; packages++)
    g_ptr_array_add (words, g_strdup_printf ("%s=%s", (*packages)->name, (*packages)->version));
  g_ptr_array_add (words, NULL);
  return run_apt_get (apt, (const char *const *) words->pdata, progress, data, error);
}
