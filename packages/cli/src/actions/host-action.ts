/** What an action did to one host. */
export interface HostAction {
  readonly outcome: 'changed' | 'unchanged';
  /** One line for people. */
  readonly detail: string;
}
