import { mount } from 'svelte';
import { loadPlatform } from './platform';
import { App } from './stores/app.svelte';
import './styles/base.css';
import Root from './views/Root.svelte';

const target = document.getElementById('app');
if (target) {
  const app = new App(await loadPlatform());
  mount(Root, { target, props: { app } });
  await app.start();
}
