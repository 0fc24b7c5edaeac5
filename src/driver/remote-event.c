/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events of domains: who wants to know, and what they are sent.
 */
#include "driver/remote-domain.h"

#include <string.h>

COP_REMOTE_HANDLES (connect_domain_event_callback_register_any,
                    ConnectDomainEventCallbackRegisterAny)
{
  g_autoptr (GBytes) object = NULL;

  if (args->event_id < 0 || args->event_id >= COP_DOMAIN_EVENT_LAST)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("unsupported event ID %d; there are 0 to %d"), args->event_id,
                            COP_DOMAIN_EVENT_LAST - 1);
  if (args->dom != NULL)
    {
      g_autoptr (CopDomain) domain = cop_remote_find (call, args->dom, error);

      if (domain == NULL)
        return false;
      object = g_bytes_new (domain->uuid, sizeof domain->uuid);
    }
  ret->callback_id =
    cop_server_call_register_event (call, COP_EVENT_DOMAIN, args->event_id, object, error);
  return ret->callback_id >= 0;
}

COP_REMOTE_HANDLES (connect_domain_event_callback_deregister_any,
                    ConnectDomainEventCallbackDeregisterAny)
{
  return cop_server_conn_deregister_event (cop_server_call_get_conn (call), COP_EVENT_DOMAIN,
                                           args->callback_id, error);
}

/* What goes on the wire for one event; members are borrowed. */
typedef union
{
  CopRemoteDomainEventCallbackLifecycle lifecycle;
  CopRemoteDomainEventCallbackReboot reboot;
  CopRemoteDomainEventCallbackBalloonChange balloon;
  CopRemoteDomainEventCallbackTunable tunable;
  CopRemoteDomainEventCallbackAgentLifecycle agent;
  CopRemoteDomainEventCallbackDeviceAdded added;
  CopRemoteDomainEventCallbackJobCompleted job;
  CopRemoteDomainEventCallbackMetadataChange metadata;
} Message;

/* Fills @message. Returns: the procedure */
static int32_t
make_message (const CopDomainEvent *event, const CopRemoteDomain *dom, Message *message)
{
  switch (event->kind)
    {
    case COP_DOMAIN_EVENT_LIFECYCLE:
      message->lifecycle = (CopRemoteDomainEventCallbackLifecycle){ .dom = *dom,
                                                                    .event = event->event,
                                                                    .detail = event->detail };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_LIFECYCLE;

    case COP_DOMAIN_EVENT_REBOOT:
      message->reboot = (CopRemoteDomainEventCallbackReboot){ .dom = *dom };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_REBOOT;

    case COP_DOMAIN_EVENT_BALLOON_CHANGE:
      message->balloon =
        (CopRemoteDomainEventCallbackBalloonChange){ .dom = *dom, .actual = event->value };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE;

    case COP_DOMAIN_EVENT_TUNABLE:
      message->tunable = (CopRemoteDomainEventCallbackTunable){ .dom = *dom,
                                                                .n_params = event->params->n,
                                                                .params = event->params->items };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_TUNABLE;

    case COP_DOMAIN_EVENT_AGENT_LIFECYCLE:
      message->agent = (CopRemoteDomainEventCallbackAgentLifecycle){ .dom = *dom,
                                                                     .state = event->event,
                                                                     .reason = event->detail };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE;

    case COP_DOMAIN_EVENT_DEVICE_ADDED:
      message->added =
        (CopRemoteDomainEventCallbackDeviceAdded){ .dom = *dom, .dev_alias = (char *) event->text };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED;

    case COP_DOMAIN_EVENT_JOB_COMPLETED:
      message->job = (CopRemoteDomainEventCallbackJobCompleted){ .dom = *dom,
                                                                 .n_params = event->params->n,
                                                                 .params = event->params->items };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_JOB_COMPLETED;

    case COP_DOMAIN_EVENT_METADATA_CHANGE:
      message->metadata = (CopRemoteDomainEventCallbackMetadataChange){
        .dom = *dom, .type = event->event, .nsuri = (char *) event->text
      };
      return COP_REMOTE_DOMAIN_EVENT_CALLBACK_METADATA_CHANGE;

    case COP_DOMAIN_EVENT_LAST:
      break;
    }
  return -1;
}

static void
send_event (const CopDomainEvent *event, gpointer server)
{
  CopRemoteDomain dom = { .name = (char *) event->name, .id = event->id };
  Message message;
  int32_t procedure;

  memcpy (dom.uuid, event->uuid, sizeof dom.uuid);
  procedure = make_message (event, &dom, &message);
  if (procedure >= 0)
    cop_server_emit (server, COP_EVENT_DOMAIN, event->kind, event->uuid, sizeof dom.uuid,
                     &cop_remote_program, procedure, &message);
}

void
cop_remote_send_events (CopServer *server, CopDriver *driver)
{
  cop_driver_set_event_func (driver, send_event, server);
}

/* clang-format off */
const CopHandler cop_remote_event_handlers[] = {
  COP_REMOTE_HANDLER (CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, ConnectDomainEventCallbackRegisterAny, connect_domain_event_callback_register_any),
  COP_REMOTE_HANDLER (CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, ConnectDomainEventCallbackDeregisterAny, connect_domain_event_callback_deregister_any),
  { 0 },
};
/* clang-format on */
