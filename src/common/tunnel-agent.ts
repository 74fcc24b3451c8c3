import { HttpsProxyAgent } from 'https-proxy-agent';
import { proxyTunnelError } from './network-failure.ts';

/** Without this, the agent returns the refusal of a proxy as if the host of the request had sent it. */
export class TunnelAgent extends HttpsProxyAgent<string> {
  override async connect(
    ...[request, options]: Parameters<HttpsProxyAgent<string>['connect']>
  ): ReturnType<HttpsProxyAgent<string>['connect']> {
    let status = 0;
    request.once('proxyConnect', ({ statusCode }: { readonly statusCode: number }) => {
      status = statusCode;
    });
    const socket = await super.connect(request, options);
    if (status === 200) return socket;
    socket.destroy();
    throw proxyTunnelError(status);
  }
}
