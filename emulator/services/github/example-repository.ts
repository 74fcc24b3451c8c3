/** The repository that the emulator knows from the start, as webhooks describe it; examples run in it. */
export const exampleRepository = {
  id: 700_100_200,
  name: 'space-travel',
  full_name: 'relecloud/space-travel',
  private: true,
  default_branch: 'main',
  owner: { login: 'relecloud', id: 700_100 },
};
