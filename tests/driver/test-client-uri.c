/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Connection URIs: what they mean, and what ssh is told to run.
 */
#include "driver/client-uri.h"

#include "driver/error.h"

#include <string.h>

static void
test_names (void)
{
  static const struct
  {
    const char *text, *name, *socket;
    bool session;
  } cases[] = {
    { "coppice:///session", "coppice:///session", NULL, true },
    { "coppice:///system", "coppice:///system", NULL, false },
    { "coppice:///session?socket=/tmp/a%20b", "coppice:///session", "/tmp/a b", true },
    { "coppice+unix:///session?socket=/s&foo=bar", "coppice:///session?foo=bar", "/s", true },
    { "coppice+ssh://host/system?no_tty=1&x=1&y=2", "coppice:///system?x=1&y=2", NULL, false },
  };

  g_test_summary ("the daemon gets the URI without transport, host and our parameters");
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (CopClientUri) uri = cop_client_uri_parse (cases[i].text, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (uri->name, ==, cases[i].name);
      g_assert_cmpstr (uri->socket, ==, cases[i].socket);
      g_assert_cmpint (uri->session, ==, cases[i].session);
    }
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text, *says;
  } cases[] = {
    { "qemu:///session", "coppice:///session" },
    { "nonsense", "not a URI" },
    { "coppice+tls://host/system", "unix, ssh, ext" },
    { "coppice://host/system", "coppice+ssh" },
    { "coppice+ssh:///system", "host" },
    { "coppice+ssh://-oProxyCommand=x/system", "'-'" },
    { "coppice+ssh://-l@host/system", "'-'" },
    { "coppice+ext:///session", "command" },
  };

  g_test_summary ("what cannot be is refused with a way out; nothing passes for an option of ssh");
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (cop_client_uri_parse (cases[i].text, &error));
      g_assert_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG);
      g_test_message ("%s: %s", cases[i].text, error->message);
      g_assert_nonnull (strstr (error->message, cases[i].says));
    }
}

static void
test_ssh (void)
{
  g_autoptr (CopClientUri) uri = cop_client_uri_parse (
    "coppice+ssh://me@host:2222/session?socket=/tmp/it's&keyfile=/k&no_verify=1", NULL);
  g_auto (GStrv) argv = cop_client_uri_argv (uri);
  g_autofree char *line = g_strjoinv (" ", argv);
  g_auto (GStrv) remote = NULL;
  g_auto (GStrv) script = NULL;

  g_assert_true (g_str_has_prefix (
    line, "ssh -p 2222 -l me -i /k -oStrictHostKeyChecking=no -T -e none -- host sh -c "));
  /* The far side's shell takes the words apart, and then the one that sh is given. */
  g_assert_true (g_shell_parse_argv (argv[g_strv_length (argv) - 1], NULL, &remote, NULL));
  g_assert_cmpuint (g_strv_length (remote), ==, 3);
  g_assert_true (g_shell_parse_argv (remote[2], NULL, &script, NULL));
  g_assert_cmpstr (script[0], ==, "exec");
  g_assert_cmpstr (script[1], ==, "nc");
  g_assert_cmpstr (script[3], ==, "/tmp/it's");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/driver/client-uri/names", test_names);
  g_test_add_func ("/driver/client-uri/refused", test_refused);
  g_test_add_func ("/driver/client-uri/ssh", test_ssh);
  return g_test_run ();
}
