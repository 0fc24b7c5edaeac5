/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From libvirt's statistics to rates.
 */
#include "vmtool/top-sample.h"

#include "common/units.h"

#include <string.h>

/* libvirt's groups: state, cpu, balloon, vcpu, interface, block. */
#define GROUPS 0x3fu

static uint64_t
number (const CopRemoteDomainStats *stats, const char *field)
{
  const CopTypedParam *param = cop_params_find (stats->params, stats->n_params, field);

  if (param == NULL)
    return 0;
  switch (param->type)
    {
    case COP_PARAM_INT:
      return param->value.i > 0 ? (uint64_t)param->value.i : 0;
    case COP_PARAM_UINT:
      return param->value.u;
    case COP_PARAM_LLONG:
      return param->value.l > 0 ? (uint64_t)param->value.l : 0;
    case COP_PARAM_ULLONG:
      return param->value.ul;
    default:
      return 0;
    }
}

/* The sum of "block.0.rd.bytes", "block.1.rd.bytes" and so on. */
static uint64_t
sum (const CopRemoteDomainStats *stats, const char *group, const char *what)
{
  char field[COP_PARAM_FIELD_MAX + 1];
  uint64_t total = 0, count;

  g_snprintf (field, sizeof field, "%s.count", group);
  count = MIN (number (stats, field), stats->n_params);
  for (unsigned i = 0; i < count; i++)
    {
      g_snprintf (field, sizeof field, "%s.%u.%s", group, i, what);
      total += number (stats, field);
    }
  return total;
}

static const VmtSample *
find_before (const VmtSamples *before, const CopRemoteDomain *dom)
{
  for (guint i = 0; before != NULL && i < before->samples->len; i++)
    {
      const VmtSample *sample = &g_array_index (before->samples, VmtSample, i);

      /* Another run of the same domain counts from 0 again. */
      if (sample->dom.id == dom->id &&
          memcmp (sample->dom.uuid, dom->uuid, sizeof dom->uuid) == 0)
        return sample;
    }
  return NULL;
}

static double
rate (uint64_t now, uint64_t before, double seconds)
{
  return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static VmtSample
make_sample (const CopRemoteDomainStats *stats, const VmtSample *before, double seconds)
{
  VmtSample sample = {
    .dom = stats->dom,
    .state = (int)number (stats, "state.state"),
    .vcpus = (unsigned)number (stats, "vcpu.current"),
    .memory = number (stats, "balloon.current") * COP_KIB,
    .resident = number (stats, "balloon.rss") * COP_KIB,
    .cpu_time = number (stats, "cpu.time"),
    .read = sum (stats, "block", "rd.bytes"),
    .written = sum (stats, "block", "wr.bytes"),
    .received = sum (stats, "net", "rx.bytes"),
    .sent = sum (stats, "net", "tx.bytes"),
  };

  sample.dom.name = g_strdup (stats->dom.name);
  if (before != NULL)
    {
      sample.cpu_percent = rate (sample.cpu_time, before->cpu_time, seconds) / 1e9 * 100;
      sample.read_rate = rate (sample.read, before->read, seconds);
      sample.write_rate = rate (sample.written, before->written, seconds);
      sample.receive_rate = rate (sample.received, before->received, seconds);
      sample.send_rate = rate (sample.sent, before->sent, seconds);
    }
  return sample;
}

static void
clear_sample (gpointer data)
{
  g_free (((VmtSample *)data)->dom.name);
}

VmtSamples *
vmt_samples_take (CopClient *client, uint32_t flags, const VmtSamples *before, GError **error)
{
  CopRemoteConnectGetAllDomainStatsArgs args = { .stats = GROUPS, .flags = flags };
  CopRemoteConnectGetAllDomainStatsRet ret;
  VmtSamples *samples;
  double seconds;

  if (!COP_REMOTE_CALL (client, CONNECT_GET_ALL_DOMAIN_STATS, &args, &ret, error))
    return NULL;
  samples = g_new0 (VmtSamples, 1);
  samples->samples = g_array_new (FALSE, TRUE, sizeof (VmtSample));
  g_array_set_clear_func (samples->samples, clear_sample);
  samples->taken_at = g_get_monotonic_time ();
  seconds = before != NULL ? (double)(samples->taken_at - before->taken_at) / 1e6 : 0;
  for (uint32_t i = 0; i < ret.n_ret_stats; i++)
    {
      VmtSample sample = make_sample (&ret.ret_stats[i],
                                      find_before (before, &ret.ret_stats[i].dom), seconds);

      g_array_append_val (samples->samples, sample);
    }
  COP_REMOTE_CLEAR (CONNECT_GET_ALL_DOMAIN_STATS, &ret);
  return samples;
}

void
vmt_samples_free (VmtSamples *samples)
{
  g_array_unref (samples->samples);
  g_free (samples);
}
