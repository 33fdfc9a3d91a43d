/** Flags of `ferry serve DIR`. */
export type ServeFlags = {
  readonly listen?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly access?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** False with --no-tls. */
  readonly tls?: boolean;
  readonly readOnly?: boolean;
  readonly keepFree?: string;
  readonly accessLog?: string;
  readonly metrics?: string;
  readonly installService?: boolean;
  readonly uninstallService?: boolean;
  readonly system?: boolean;
  readonly keepVersionsDays?: string;
  readonly keepVersionsBytes?: string;
};
