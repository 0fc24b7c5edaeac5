/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool new: a domain without writing XML.
 *
 *   options, as `vmtool run` has them --> CopDomainConfig --xml/--> <domain> --> define [--> start]
 */
#include "vmtool/commands.h"
#include "vmtool/domain-console.h"
#include "vmtool/domain.h"
#include "vmtool/new.h"
#include "vmtool/printer.h"
#include "vmtool/run-private.h"

#include "common/units.h"
#include "xml/domain-device.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

/* Returns: (transfer full) (nullable): @path from the root: the daemon has a folder of its own */
static char *
absolute (const char *path)
{
  return path != NULL ? g_canonicalize_filename (path, NULL) : NULL;
}

/* ---- what is booted ---- */

static char *
join_cmdline (const VmtCall *call, const VmtBootFiles *files)
{
  const char *whole = vmt_call_string (call, "cmdline");
  GString *line = g_string_new (whole != NULL ? whole : files->cmdline);

  for (const char *const *more = vmt_call_strings (call, "append"); *more != NULL; more++)
    g_string_append_printf (line, "%s%s", line->len > 0 ? " " : "", *more);
  return g_string_free (line, FALSE);
}

static bool
set_boot (const VmtCall *call, CopDomainOs *os, GError **error)
{
  g_auto (VmtBootFiles) files = { 0 };

  os->loader = absolute (vmt_call_string (call, "bios"));
  os->dtb = absolute (vmt_call_string (call, "dtb"));
  if (!vmt_boot_files_find (call, &files, error))
    return false;
  if (files.kernel == NULL && os->loader == NULL)
    {
      vmt_boot_files_set_missing ("new", error);
      return false;
    }
  if (files.kernel == NULL && files.initrd != NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--initrd needs a kernel that uses it: give --kernel FILE or --image NAME"));
      return false;
    }
  os->kernel = absolute (files.kernel);
  os->initrd = absolute (files.initrd);
  if (os->kernel != NULL)
    os->cmdline = join_cmdline (call, &files);
  return true;
}

/* A mistyped path is better found now than at the first start. */
static bool
check_files (const CopDomainOs *os, GError **error)
{
  const struct
  {
    const char *option, *path;
  } files[] = {
    { "kernel", os->kernel },
    { "initrd", os->initrd },
    { "bios", os->loader },
    { "dtb", os->dtb },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    if (files[i].path != NULL && access (files[i].path, R_OK) < 0)
      {
        g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("--%s: '%s' cannot be read: %s"),
                     files[i].option, files[i].path, g_strerror (errno));
        return false;
      }
  return true;
}

/* ---- CPU ---- */

/* "rv64gc,zba=off": a model, and what is switched on and off. The names are checked with the whole
   configuration. */
static bool
set_cpu (const VmtCall *call, CopDomainCpu *cpu, GError **error)
{
  const char *text = vmt_call_string (call, "cpu");
  g_auto (GStrv) words = text != NULL ? g_strsplit (text, ",", -1) : NULL;

  for (char **word = words; word != NULL && *word != NULL; word++)
    {
      char *equals = strchr (*word, '=');
      CopCpuFeature *feature;

      if (equals == NULL)
        {
          g_free (cpu->model);
          cpu->model = g_strdup (*word);
          cpu->mode = COP_CPU_MODE_CUSTOM;
          continue;
        }
      *equals = '\0';
      if (strcmp (equals + 1, "on") != 0 && strcmp (equals + 1, "off") != 0)
        {
          g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                       _ ("--cpu: '%s=%s' is neither on nor off; write %s=on or %s=off"), *word,
                       equals + 1, *word, *word);
          return false;
        }
      feature = g_new0 (CopCpuFeature, 1);
      feature->name = g_strdup (*word);
      feature->policy =
        strcmp (equals + 1, "on") == 0 ? COP_CPU_POLICY_REQUIRE : COP_CPU_POLICY_DISABLE;
      g_ptr_array_add (cpu->features, feature);
      cpu->mode = COP_CPU_MODE_CUSTOM;
    }
  return true;
}

/* ---- devices ---- */

static bool
add_disk (CopDomainConfig *config, const char *text, bool check, GError **error)
{
  g_auto (VmtDiskOption) option = { 0 };
  CopDomainDisk *disk;

  if (!vmt_disk_option_parse (text, &option, error))
    return false;
  if (check)
    {
      int fd = vmt_disk_option_open (&option, error);

      if (fd < 0)
        return false;
      close (fd);
    }
  if (config->disks->len == COP_MAX_DISKS)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--disk: a machine has at most %d disks"),
                   COP_MAX_DISKS);
      return false;
    }
  disk = cop_domain_config_add_device (config, COP_DEVICE_DISK);
  disk->type = g_str_has_prefix (option.path, "/dev/") ? COP_DISK_BLOCK : COP_DISK_FILE;
  disk->format = COP_DISK_FORMAT_RAW;
  disk->source = absolute (option.path);
  disk->target = g_strdup_printf ("vd%c", 'a' + (int)config->disks->len - 1);
  disk->readonly = option.readonly;
  disk->serial = g_steal_pointer (&option.serial);
  return true;
}

static bool
add_forward (CopDomainInterface *interface, const CopPortForward *from, GError **error)
{
  CopDomainPortForward *forward;
  CopDomainPortRange *range;

  if (from->guest_address != NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--net: a forward of a domain always leads to the guest's own address; leave "
                      "'%s' out"),
                   from->guest_address);
      return false;
    }
  forward = g_new0 (CopDomainPortForward, 1);
  forward->protocol = from->udp ? COP_FORWARD_UDP : COP_FORWARD_TCP;
  forward->address = g_strdup (from->host_address);
  forward->ranges = g_ptr_array_new ();
  range = g_new0 (CopDomainPortRange, 1);
  range->start = from->host_port;
  range->to = from->guest_port;
  g_ptr_array_add (forward->ranges, range);
  g_ptr_array_add (interface->forwards, forward);
  return true;
}

static bool
add_net (CopDomainConfig *config, const char *text, GError **error)
{
  g_auto (VmtNetOption) option = { 0 };
  CopDomainInterface *interface;

  if (!vmt_net_option_parse (text, &option, error))
    return false;
  if (option.kind == VMT_NET_NONE)
    return true;

  interface = cop_domain_config_add_device (config, COP_DEVICE_INTERFACE);
  if (option.has_mac)
    memcpy (interface->mac, option.mac, sizeof interface->mac);
  if (option.kind == VMT_NET_TAP)
    {
      interface->type = COP_INTERFACE_ETHERNET;
      interface->target = g_steal_pointer (&option.ifname);
      interface->managed = COP_TRISTATE_NO;
      return true;
    }
  interface->type = COP_INTERFACE_USER;
  for (guint i = 0; i < option.forwards->len; i++)
    if (!add_forward (interface, option.forwards->pdata[i], error))
      return false;
  return true;
}

static bool
add_devices (const VmtCall *call, CopDomainConfig *config, bool check, GError **error)
{
  const char *const *nets = vmt_call_strings (call, "net");
  CopDomainChardev *serial = cop_domain_config_add_device (config, COP_DEVICE_SERIAL);
  CopDomainRng *rng = cop_domain_config_add_device (config, COP_DEVICE_RNG);

  serial->source.type = COP_CHARDEV_PTY;
  rng->backend = COP_RNG_BACKEND_RANDOM;
  rng->path = g_strdup ("/dev/urandom");

  for (const char *const *disk = vmt_call_strings (call, "disk"); *disk != NULL; disk++)
    if (!add_disk (config, *disk, check, error))
      return false;
  if (*nets == NULL)
    return add_net (config, "user", error);
  for (; *nets != NULL; nets++)
    if (!add_net (config, *nets, error))
      return false;
  return true;
}

/* ---- the whole ---- */

char *
vmt_new_xml (const VmtCall *call, bool check, GError **error)
{
  g_autoptr (CopDomainConfig) config = cop_domain_config_new ();
  const char *engine = NULL;

  config->name = g_strdup (vmt_call_string (call, "name"));
  config->title = g_strdup (vmt_call_string (call, "title"));
  config->description = g_strdup (vmt_call_string (call, "description"));
  config->vcpus = (unsigned)vmt_call_int (call, "vcpus");
  if (!vmt_memory_option (call, &config->memory, error) ||
      !vmt_engine_option (call, &engine, error) || !set_cpu (call, &config->cpu, error) ||
      !set_boot (call, &config->os, error) || (check && !check_files (&config->os, error)) ||
      !add_devices (call, config, check, error))
    return NULL;
  config->engine = g_strdup (engine);

  cop_domain_config_set_defaults (config, NULL);
  if (!cop_domain_config_validate (config, error))
    return NULL;
  return cop_domain_config_format (config, COP_DOMAIN_FORMAT_INACTIVE);
}

/* Files of another host cannot be looked at. */
static bool
is_local (void)
{
  const char *uri = vmt_connection_uri ();

  return uri == NULL || strstr (uri, ":///") != NULL;
}

static bool
check_new_name (CopClient *client, const char *name, GError **error)
{
  CopRemoteDomainLookupByNameArgs args = { .name = (char *)name };
  CopRemoteDomainLookupByNameRet ret;

  if (!COP_REMOTE_CALL (client, DOMAIN_LOOKUP_BY_NAME, &args, &ret, NULL))
    return true;
  COP_REMOTE_CLEAR (DOMAIN_LOOKUP_BY_NAME, &ret);
  g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
               _ ("there is a domain '%s' already; take another name, change it with 'vmtool edit "
                  "%s', or forget it with 'vmtool undefine %s'"),
               name, name, name);
  return false;
}

static bool
set_autostart (VmtDomain *domain, GError **error)
{
  CopRemoteDomainSetAutostartArgs args = { .dom = domain->dom, .autostart = 1 };

  return VMT_DOMAIN_CALL (domain, DOMAIN_SET_AUTOSTART, &args, NULL, error);
}

static bool
dry_run (VmtCall *call, GError **error)
{
  g_autofree char *xml = vmt_new_xml (call, false, error);

  if (xml == NULL)
    return false;
  vmt_print_document (vmt_call_printer (call), "xml", xml);
  return true;
}

static bool
run (VmtCall *call, GError **error)
{
  const char *name = vmt_call_string (call, "name");
  const char *image = vmt_call_string (call, "image");
  bool start = vmt_call_flag (call, "start") || vmt_call_flag (call, "console");
  g_auto (VmtDomain) domain = { 0 };
  g_autofree char *xml = NULL;

  if (image != NULL && !vmt_image_ensure (image, error))
    return false;
  if (vmt_call_flag (call, "dry-run"))
    return dry_run (call, error);

  domain.client = vmt_connection_get (error);
  if (domain.client == NULL || !check_new_name (domain.client, name, error))
    return false;
  xml = vmt_new_xml (call, is_local (), error);
  if (xml == NULL || !vmt_define (domain.client, xml, 0, &domain.dom, error) ||
      (vmt_call_flag (call, "autostart") && !set_autostart (&domain, error)) ||
      (start && !vmt_start (&domain, 0, error)))
    return false;

  vmt_print_domain (vmt_call_printer (call), &domain.dom,
                    start ? N_ ("Domain '%s' is defined, and running.")
                          : N_ ("Domain '%s' is defined; 'vmtool start' starts it."));
  if (vmt_call_flag (call, "console"))
    return vmt_domain_console (&domain, NULL, 0, VMT_CONSOLE_ESCAPE, error);
  return true;
}

static const VmtOption options[] = {
  /* clang-format off */
  { "name",        VMT_STRING, N_ ("what the domain is called"), "NAME", .required = true },
  { "image",       VMT_STRING, N_ ("boot this image; it is fetched if it is Debian's and not here yet"), "NAME", .complete = vmt_complete_images },
  { "kernel",      VMT_PATH,   N_ ("boot this kernel: Image, Image.gz, EFI stub or ELF") },
  { "initrd",      VMT_PATH,   N_ ("give the kernel this initial file system") },
  { "append",      VMT_STRING, N_ ("add to the kernel's command line"), .repeated = true },
  { "cmdline",     VMT_STRING, N_ ("replace the kernel's whole default command line") },
  { "bios",        VMT_PATH,   N_ ("run this firmware in M mode instead of the built-in SBI") },
  { "dtb",         VMT_PATH,   N_ ("give the guest this device tree instead of our own") },
  { "memory",      VMT_SIZE,   N_ ("size of the guest's memory"), .otherwise = VMT_RUN_DEFAULT_MEMORY, .min = COP_MIB, .max = 1024 * COP_GIB },
  { "vcpus",       VMT_INT,    N_ ("number of virtual processors"), .otherwise = "1", .min = 1, .max = COP_MAX_HARTS },
  { "cpu",         VMT_STRING, N_ ("model and extensions, as in rva22s64 or zba=off,sv57=off"), "LIST" },
  { "engine",      VMT_STRING, N_ ("how instructions are executed"), "NAME", .complete = vmt_complete_engines },
  { "disk",        VMT_PATH,   N_ ("attach a raw disk"), "FILE[,readonly][,serial=TEXT][,format=raw]", .repeated = true },
  { "net",         VMT_STRING, N_ ("attach a network interface; one of kind 'user' is there unless you say otherwise"), "user[,forward=tcp:2222:22]|tap,ifname=NAME|none", .repeated = true },
  { "title",       VMT_STRING, N_ ("what it is for, in a few words") },
  { "description", VMT_STRING, N_ ("what it is for, at length") },
  { "autostart",   VMT_FLAG,   N_ ("start it with the daemon") },
  { "start",       VMT_FLAG,   N_ ("start it now") },
  { "console",     VMT_FLAG,   N_ ("start it now, and connect to its console") },
  { "dry-run",     VMT_FLAG,   N_ ("print the XML, and define nothing") },
  { NULL },
  /* clang-format on */
};

static const VmtExample examples[] = {
  { "vmtool new debian --image debian --memory 1G --vcpus 2 --console",
    N_ ("A machine with a Debian kernel, and its console") },
  { "vmtool new web --image debian --disk root.img --append root=/dev/vda "
    "--net user,forward=tcp:8080:80 --start",
    N_ ("One with a disk, whose port 80 is port 8080 of this host") },
  { "vmtool new test --image debian --dry-run > test.xml", N_ ("The XML to begin with") },
  { NULL },
};

const VmtCommand vmt_new = {
  "new", N_ ("Define a domain, without writing XML"), options, run, VMT_GROUP_DOMAIN,
  .details = N_ ("Options are those of 'vmtool run'. The domain has a serial console and a source "
                 "of random numbers besides what is asked for. 'vmtool edit' changes the rest."),
  .examples = examples, .connects = true,
};
